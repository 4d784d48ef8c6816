{{ config(unique_key='user_id', incremental_strategy='merge',
          indexes=[{'columns': ['user_id'], 'unique': true}]) }}

with events as (
    select
        user_id, is_disabled, version, event_id,
        case when not is_deletion then occurred_at end as occurred_at,
        case when is_registration then occurred_at end as registered_at,
        case when is_deletion then occurred_at end as deleted_at
    from {{ ref('stg_auth__accounts') }}
    where {{ landed('auth.v1') }}
),

{{ latest_of('events', 'user_id', ['is_disabled'], times={'registered_at': 'min', 'deleted_at': 'min'}) }}
