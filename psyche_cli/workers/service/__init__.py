"""The gRPC service of the daemon: ``worker.proto`` and the code that scripts/generate_worker_service generates."""
