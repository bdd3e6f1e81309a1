"""Where the commands of jobs run: on a leash, and in namespaces of their own if that level is declared."""
