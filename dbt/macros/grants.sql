{# Of the roles that the project grants to, those this server has: a scratch database has none. #}
{% macro postgres__apply_grants(relation, grant_config, should_revoke=True) -%}
    {%- if grant_config -%}
        {%- set wanted = "'" ~ grant_config['select'] | join("', '") ~ "'" -%}
        {%- set there = run_query('select rolname from pg_roles where rolname in (' ~ wanted ~ ')') -%}
        {{ default__apply_grants(relation, {'select': there.columns[0].values() | list}, should_revoke) }}
    {%- endif -%}
{%- endmacro %}

{# dbt quotes whom it revokes from, but not whom it grants to. #}
{% macro postgres__get_grant_sql(relation, privilege, grantees) -%}
    grant {{ privilege }} on {{ relation }} to
    {% for role in grantees %}{{ adapter.quote(role) }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}

{# Who may read a mart may enter its schema. At the end of a run, for parallel models would stumble over each other. #}
{% macro open_schemas() -%}
    {%- set closed -%}
        select distinct pg_namespace.nspname, pg_roles.rolname
        from pg_class
        inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
        cross join lateral aclexplode(pg_class.relacl) as granted
        inner join pg_roles on granted.grantee = pg_roles.oid
        where
            pg_get_userbyid(pg_class.relowner) = current_user
            and not has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'usage')
    {%- endset -%}
    {%- for schema, role in run_query(closed) if execute -%}
        grant usage on schema {{ adapter.quote(schema) }} to {{ adapter.quote(role) }};
    {%- endfor -%}
{%- endmacro %}
