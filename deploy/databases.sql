-- Run once, in the new database optuna, which belongs to the same role.
CREATE DATABASE mlflow;
