{# All comments of a relation in one statement: dbt would ask for its columns twice, and each run has every relation. #}
{% macro postgres__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- call statement('comments') -%}
        {{ alter_relation_comment(relation, model.description) }}
        {%- for column in model.columns.values() %}
            {%- set name = adapter.quote(column.name) if column.quote else column.name %}
            comment on column {{ relation }}.{{ name }} is {{ postgres_escape_comment(column.description) }};
        {%- endfor -%}
    {%- endcall -%}
{%- endmacro %}
