"""What a prompt is: its file, its name, its labels; how it is compiled, referred to, checked and compared."""
