"""What type checkers and editors say of configurations."""
