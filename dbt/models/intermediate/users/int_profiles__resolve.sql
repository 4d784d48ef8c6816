{{ config(unique_key='user_id', incremental_strategy='merge',
          indexes=[{'columns': ['user_id'], 'unique': true}]) }}

with events as (
    select * from {{ ref('stg_profile__profiles') }} where {{ landed('profile.v1') }}
),

{{ latest_of('events', 'user_id', ['locale', 'has_personalisation_consent', 'opted_out_shelves']) }}
