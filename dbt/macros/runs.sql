{#
  A run has a number, and a row in `transformation.runs` that says what it reads: everything up to the numbers that the
  lanes of `raw` had when it began, and, where a model keeps what it had, nothing up to those of the last complete run.
  `pipelines/runs.py` begins and ends runs; here is what models do within one.
#}

{# The number of this run; none where a command writes nothing, and in unit tests, which stand outside of all runs. #}
{% macro this_run() -%}
    {{ return(env_var('TANAWARI_RUN', '') if execute and model.resource_type != 'unit_test' else '') }}
{%- endmacro %}

{#
  Who starts dbt by itself neither waits for another run nor moves the position. A full refresh that nobody prepared
  (`DBT_FULL_REFRESH`) would be an ordinary run.
#}
{% macro require_run() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'snapshot', 'retry', 'clone') -%}
        {%- if not env_var('TANAWARI_RUN', '') -%}
            {{ exceptions.raise_compiler_error('dbt writes within a run only: use `tanawari dbt ' ~ flags.WHICH ~ '`') }}
        {%- elif flags.FULL_REFRESH and not env_var('TANAWARI_SCHEMA_SUFFIX', '') -%}
            {{ exceptions.raise_compiler_error('a full refresh is `tanawari dbt build --full-refresh`') }}
        {%- elif flags.EMPTY -%}
            {{ exceptions.raise_compiler_error('a run reads what has landed: `--empty` is for compiling only') }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#
  Each model's transaction holds the run's row until it commits. A new run ends those before it, for which it has to wait
  for these: what a killed run had sent cannot commit after its successor has begun.
#}
{% macro join_run() -%}
    do $$ begin
        perform from transformation.runs where number = {{ this_run() or 0 }} and ended_at is null for share;
        if not found then
            raise exception 'run {{ this_run() }} has ended: a later one has begun';
        end if;
    end $$
{%- endmacro %}

{# Models that are not what they were in the last complete run, or that descend from such, are built whole. #}
{% macro should_full_refresh() -%}
    {{ return(execute and model.unique_id in env_var('TANAWARI_REBUILT', '').split()) }}
{%- endmacro %}
