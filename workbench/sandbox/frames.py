"""What travels over the pipes: a fixed-size head, a JSON header, a payload of bytes. No pickle."""

import struct

REQUEST = struct.Struct("<IQd")  # bytes of header, bytes of payload, CPU seconds allowed
REPLY = struct.Struct("<BIQdd")  # status, bytes of header, bytes of payload, seconds taken, resident megabytes

OK, ERROR, OUT_OF_MEMORY = 0, 1, 2
