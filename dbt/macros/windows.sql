{# What had landed when the run began; in a model that keeps what it had, only what the last complete run had not. #}
{% macro landed(topic) -%}
    ({{ between_runs(topic, is_incremental()) }})
{%- endmacro %}

{# Only the latter, in whatever model; nothing where no run was complete yet, for then all models are built whole. #}
{% macro newly_landed(topic) -%}
    ({{ between_runs(topic, true) }})
{%- endmacro %}

{#
  Bounds of the topic's lanes. They are asked for beforehand and written out as numbers, for the planner then sees how
  few rows lie between them. Outside of runs there are none.
#}
{% macro between_runs(topic, is_since_last) -%}
    {%- set bounds -%}
        select lanes.lane, coalesce((past.lanes ->> lanes.lane::text)::bigint, 0) as after,
            (run.lanes ->> lanes.lane::text)::bigint as upto
        from landing.lanes
        inner join transformation.runs as run on run.number = {{ this_run() }} and run.lanes ? lanes.lane::text
        {{ 'inner join' if is_since_last else 'left join' }} transformation.runs as past
            on run.since = past.number and {{ is_since_last }}
        where
            lanes.topic = '{{ topic }}'
            and run.lanes -> lanes.lane::text is distinct from past.lanes -> lanes.lane::text
        order by lanes.lane
    {%- endset -%}
    {%- if this_run() -%}
        {%- for lane, after, upto in run_query(bounds) -%}
            {{ ' or ' if not loop.first }}lane = {{ lane }} and number > {{ after }} and number <= {{ upto }}
        {%- else %}false{% endfor -%}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# Whether a row was changed by a run after the last complete one, as a column of run numbers tells. #}
{% macro changed_since_last(column) -%}
    {{ column }} > {{ since_last() }}
{%- endmacro %}

{% macro since_last() -%}
    {%- set since = 'select coalesce(since, number) from transformation.runs where number = ' ~ this_run() -%}
    {{ return(run_query(since)[0][0] if this_run() else -1) }}
{%- endmacro %}
