{# Schemas are called as in the project file (`core`), not `<target>_core`: code and grants rely on the names. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
