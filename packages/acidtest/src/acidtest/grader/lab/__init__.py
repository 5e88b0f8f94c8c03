"""The submission's world: databases, proxies, sandbox, processes; all of it ours, all of it private."""
