"""Overview: the state of the whole product, for a person: `shutterprint status`."""
