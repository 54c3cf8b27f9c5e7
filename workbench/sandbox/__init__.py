"""Run something fragile in a persistent child that may hang, crash or eat memory: that costs one request.

`Child("package.module:make", limits)` starts `python -m workbench.sandbox` in a session of its own. There `make(setup)`
returns a handler `(header, payload) -> (header, payload)`; header is a JSON object, payload is bytes. Requests travel
over pipes as length-prefixed frames and are sent ahead, so that the child never waits for the caller.

What holds the child: wall-clock time (this side waits no longer and kills it), CPU time (ITIMER_PROF in the child,
whose signal ends the process even inside C code), address space (RLIMIT_AS), the size of a reply, no files written, no
core dumps, a scrubbed environment, no network, and death with its parent. The network goes with
`unshare(CLONE_NEWNET)` for root, with a user namespace for others, and where the system forbids both with an audit hook
that refuses sockets: that stops Python code, not native code, so hostile code needs a container around the program.

A request during which the child failed is tried once more, alone in a fresh child and with ten times the time. So
neither a busy machine nor what earlier requests left behind decides whether a request fails.
"""

from workbench.sandbox.child import START_S, Child, Limits, Reply, Request, SandboxError

__all__ = ["START_S", "Child", "Limits", "Reply", "Request", "SandboxError"]
