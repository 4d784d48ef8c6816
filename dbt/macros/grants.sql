{# Of the roles that the project grants to, those this server has: a scratch database has none. #}
{% macro postgres__apply_grants(relation, grant_config, should_revoke=True) -%}
    {%- if grant_config -%}
        {%- set wanted = "'" ~ grant_config['select'] | join("', '") ~ "'" -%}
        {%- set there = run_query('select rolname from pg_roles where rolname in (' ~ wanted ~ ')') -%}
        {{ default__apply_grants(relation, {'select': there.columns[0].values() | list}, should_revoke) }}
    {%- endif -%}
{%- endmacro %}

{# Who may read a mart may enter its schema. At the end of a run, for parallel models would stumble over each other. #}
{% macro open_schemas() -%}
    {%- set closed -%}
        select distinct grants.table_schema, grants.grantee
        from information_schema.role_table_grants as grants
        where
            grants.grantor = current_user and grants.grantee != current_user
            and not has_schema_privilege(grants.grantee, grants.table_schema, 'usage')
    {%- endset -%}
    {%- for schema, role in run_query(closed) if execute -%}
        grant usage on schema {{ schema }} to {{ role }};
    {%- endfor -%}
{%- endmacro %}
