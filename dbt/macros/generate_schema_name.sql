{#
  Schemas are called as in the project file (`core`), not `<target>_core`: code and grants rely on the names. A full
  refresh builds in others beside them, which take their names when all is done.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) ~ env_var('TANAWARI_SCHEMA_SUFFIX', '') }}
{%- endmacro %}
