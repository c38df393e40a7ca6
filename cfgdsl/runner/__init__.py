"""What runs on managed hosts: Python standard library only, Python 3.8 and newer."""
