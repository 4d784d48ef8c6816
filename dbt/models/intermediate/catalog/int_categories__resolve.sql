{{ config(unique_key='category_id', incremental_strategy='merge',
          indexes=[{'columns': ['category_id'], 'unique': true}]) }}

with events as (
    select
        category_id, code, name, parent_id, level, version, event_id,
        case when not is_deletion then occurred_at end as occurred_at,
        case when is_deletion then occurred_at end as deleted_at
    from {{ ref('stg_catalog__categories') }}
    where {{ landed('catalog.v1') }}
),

{{ latest_of('events', 'category_id', ['code', 'name', 'parent_id', 'level'], times={'deleted_at': 'max'}) }}
