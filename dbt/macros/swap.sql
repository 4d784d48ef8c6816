{#
  What is rebuilt takes the name of what was there. At the rename that puts the old one aside, the views that read it turn
  to the new one: dbt would drop them together with it, and readers would miss them until they are built again.

  The rename waits for readers, and all who come later wait behind it. So it waits for half a second at a time, which is
  less than `deadlock_timeout`: no reader is ended for its sake, and none waits longer.
#}
{% macro postgres__rename_relation(from_relation, to_relation) -%}
    {%- if to_relation.identifier == make_backup_relation(from_relation, from_relation.type).identifier -%}
        {%- call statement('put_aside') -%}
            {{ put_aside(from_relation, to_relation, make_intermediate_relation(from_relation)) }}
        {%- endcall -%}
    {%- else -%}
        {{ default__rename_relation(from_relation, to_relation) }}
    {%- endif -%}
{%- endmacro %}

{% macro put_aside(relation, backup, rebuilt) -%}
    do $$
    declare
        name constant text := '{{ relation }}'::regclass;
        old constant regclass := '{{ relation }}';
        until constant timestamptz :=
            clock_timestamp() + interval '{{ env_var('TANAWARI_RUN_WAIT_MINUTES', '10') }} minutes';
        reader regclass;
        readers text;
    begin
        loop
            begin
                set local lock_timeout = '500ms';
                alter table {{ relation }} rename to {{ adapter.quote(backup.identifier) }};
                for reader in
                    select distinct pg_class.oid
                    from pg_depend
                    inner join pg_rewrite on pg_depend.objid = pg_rewrite.oid
                    inner join pg_class on pg_rewrite.ev_class = pg_class.oid
                    where
                        pg_depend.classid = 'pg_rewrite'::regclass
                        and pg_depend.refclassid = 'pg_class'::regclass
                        and pg_depend.refobjid = old
                        and pg_class.oid != old
                        and pg_get_userbyid(pg_class.relowner) = current_user
                loop
                    begin
                        execute format(
                            'create or replace view %s as %s',
                            reader,
                            replace(pg_get_viewdef(reader), '{{ backup.identifier }}', '{{ rebuilt.identifier }}')
                        );
                    exception when syntax_error_or_access_rule_violation then
                        raise exception '% cannot read the rebuilt %: %. Run a full refresh', reader, name, sqlerrm;
                    end;
                end loop;
                return;
            exception when lock_not_available then
                if clock_timestamp() > until then
                    select string_agg(distinct format('%s (pid %s)', usename, pid), ', ') into readers
                    from pg_locks inner join pg_stat_activity using (pid)
                    where relation = old and granted and pid != pg_backend_pid();
                    raise exception '% is still being read by %: end that, or run a full refresh, which waits for none',
                        name, readers;
                end if;
                perform pg_sleep(random());
            end;
        end loop;
    end $$
{%- endmacro %}

{# dbt takes views for dropped with what they read. When it drops something, no view of ours reads that any more. #}
{% macro postgres__get_relations() -%}
    {{ return([]) }}
{%- endmacro %}
