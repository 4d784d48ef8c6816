"""From schema `raw` to the marts: the dbt project, model by model."""
