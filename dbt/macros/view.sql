{#
  A view that is as it was stays: to make it anew costs a run more than most models that have news, and locks it. Rebuilt
  are those that have changed, or that descend from what has (`should_full_refresh`). Grants and comments are as for tables: a
  restored dump may lack them.
#}
{%- materialization view, adapter='postgres' -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is none or not existing.is_view or should_full_refresh() -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- call noop_statement('main', 'UNCHANGED') -%}{%- endcall -%}
    {%- do apply_grants(existing, config.get('grants'), should_revoke=true) -%}
    {%- do persist_docs(existing, model) -%}
    {{ adapter.commit() }}
    {{ return({'relations': [existing]}) }}
{%- endmaterialization -%}
