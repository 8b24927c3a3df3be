"""Where a plan is done: on a cluster, on this machine, in this process."""
