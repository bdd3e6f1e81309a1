"""What `make up` runs on one machine: embedded servers, roles, demo data, and a supervisor."""
