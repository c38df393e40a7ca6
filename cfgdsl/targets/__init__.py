"""How a runner is reached: local, SSH, or any command prefix. Targets know no resource type."""
