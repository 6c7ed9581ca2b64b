"""Where prompts live: a bare Git repository a project, its versions, its snapshot and its changes."""
