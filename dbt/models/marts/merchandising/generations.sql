{{ config(unique_key='generation', incremental_strategy='merge') }}

with events as (
    select *, 0::bigint as version, occurred_at as first_shown_at, occurred_at as last_shown_at
    from {{ ref('stg_content__generations') }}
    where {{ landed('content.v1') }} and generation is not null
),

{{ latest_of(
    'events', 'generation', ['bundle', 'row_count', 'is_rollback'],
    {'first_shown_at': 'min', 'last_shown_at': 'max'}
) }}
