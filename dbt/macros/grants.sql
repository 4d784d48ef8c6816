{#
  Marts are readable by roles that may not exist yet (a fresh scratch database has none): those are left out. The
  schema's usage goes with the table, for dbt makes both.
#}
{% macro postgres__apply_grants(relation, grant_config, should_revoke=True) -%}
    {%- if grant_config -%}
        {%- set wanted = grant_config.get('select', []) -%}
        {%- set rows = run_query("select rolname from pg_roles where rolname = any('{" ~ wanted | join(',') ~ "}')") -%}
        {%- set roles = rows.columns[0].values() | list -%}
        {%- if roles -%}
            {%- do run_query('grant usage on schema ' ~ relation.schema ~ ' to ' ~ roles | join(', ')) -%}
        {%- endif -%}
        {{ default__apply_grants(relation, {'select': roles}, should_revoke) }}
    {%- endif -%}
{%- endmacro %}
