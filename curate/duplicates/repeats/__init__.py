"""Text that repeats inside of documents: lines of a host, paragraphs and stretches that several documents hold."""
