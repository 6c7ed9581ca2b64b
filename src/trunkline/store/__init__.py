"""What is kept in tables: traces, the version index, projects, keys and users."""
