"""Programs that measure: each prints a table with its goals and keeps it and a plot in results/."""
