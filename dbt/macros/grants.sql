{#
  Grants `select` to those of the project's roles that this server has (a scratch database has none), and revokes all that
  others have, but for the owner and PUBLIC. One query tells what is to change, which mostly is nothing.
#}
{% macro postgres__apply_grants(relation, grant_config, should_revoke=True) -%}
    {%- if grant_config -%}
        {%- set wanted = "'" ~ grant_config['select'] | map('replace', "'", "''") | join("', '") ~ "'" -%}
        {%- set changes = run_query(grants_to_change(relation, wanted)) -%}
        {%- for privilege, role, is_wanted in changes if is_wanted or should_revoke -%}
            {%- do run_query(
                ('grant ' if is_wanted else 'revoke ') ~ privilege ~ ' on ' ~ relation
                ~ (' to ' if is_wanted else ' from ') ~ role
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{% macro grants_to_change(relation, wanted) -%}
    with wanted as (select oid as role, 'SELECT' as privilege from pg_roles where rolname in ({{ wanted }})),
    granted as (
        select grantee as role, privilege_type as privilege from pg_class cross join lateral aclexplode(relacl)
        where pg_class.oid = '{{ relation }}'::regclass and grantee not in (0, relowner)
    )
    select privilege, quote_ident(pg_get_userbyid(role)), wanted.role is not null
    from wanted full join granted using (role, privilege)
    where wanted.role is null or granted.role is null
{%- endmacro %}

{# Who may read a mart may enter its schema. At the end of a run, for parallel models would stumble over each other. #}
{% macro open_schemas() -%}
    {%- set closed -%}
        select distinct quote_ident(pg_namespace.nspname), quote_ident(pg_roles.rolname)
        from pg_class
        inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
        cross join lateral aclexplode(pg_class.relacl) as granted
        inner join pg_roles on granted.grantee = pg_roles.oid
        where
            pg_get_userbyid(pg_class.relowner) = current_user
            and not has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'usage')
    {%- endset -%}
    {%- for schema, role in run_query(closed) if execute -%}
        grant usage on schema {{ schema }} to {{ role }};
    {%- endfor -%}
{%- endmacro %}
