"""The pages: server-rendered, read-only so far, every state with a URL of its own."""
