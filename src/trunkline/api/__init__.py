"""The HTTP interface: the Langfuse-compatible API and the native one."""
