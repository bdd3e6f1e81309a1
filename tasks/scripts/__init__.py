"""Parts of the script job type: its payload's pieces, files in and out, the proxy, installed requirements."""
