"""Report: a generation as one HTML page: tables, plots and samples of what was refused."""
