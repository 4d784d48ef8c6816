{#
  A table gets its keys once its rows are there: to sort them for an index takes a fraction of what it takes to enter
  each. dbt would declare them with the columns.
#}
{% macro postgres__get_table_columns_and_constraints() -%}
    ({{ adapter.render_raw_columns_constraints(raw_columns=model['columns']) | join(', ') }})
{%- endmacro %}

{% macro add_constraints(relation) -%}
    {%- for constraint in adapter.render_raw_model_constraints(raw_constraints=model['constraints']) -%}
        {%- do run_query('alter table ' ~ relation ~ ' add ' ~ constraint) -%}
    {%- endfor -%}
{%- endmacro %}
