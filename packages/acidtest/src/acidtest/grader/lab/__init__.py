"""The submission's world: databases, proxies, sandbox, processes; all ours, all private."""
