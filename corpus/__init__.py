"""The shared vocabulary: configuration, camera catalogue, records and their Arrow schemas, storage."""
