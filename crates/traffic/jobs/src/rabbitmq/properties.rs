//! A job's properties: as its producer wrote them, and what we add to a copy and take away again.

use super::book::Fate;
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::AMQPValue;

/// The properties of a copy: as they were, and who made it.
pub(super) fn copied(job: &Delivery, fate: &Fate, again: bool, user: &str) -> BasicProperties {
    let mut headers = job.properties.headers().clone().unwrap_or_default();
    let number = i64::try_from(fate.number).unwrap_or(i64::MAX);
    headers.insert("x-photofinish-id".into(), AMQPValue::LongLongInt(number));
    if again {
        headers.insert("x-photofinish-redelivered".into(), AMQPValue::Boolean(true));
    }
    let mut properties = job.properties.clone();
    // RabbitMQ lets nobody publish in another's name.
    if let Some(publisher) = job.properties.user_id()
        && publisher.as_str() != user
    {
        let name = AMQPValue::LongString(publisher.as_str().into());
        headers.insert("x-photofinish-user-id".into(), name);
        properties = without_user(&properties);
    }
    properties.with_headers(headers)
}

/// What tells a job apart: a header that is a text or a whole number.
pub(super) fn key(job: &Delivery, header: &str) -> Option<Vec<u8>> {
    let number = |number: i64| number.to_string().into_bytes();
    Some(match job.properties.headers().as_ref()?.inner().get(header)? {
        AMQPValue::LongString(text) => text.as_bytes().to_vec(),
        AMQPValue::ShortString(text) => text.as_str().as_bytes().to_vec(),
        AMQPValue::ByteArray(bytes) => bytes.as_slice().to_vec(),
        AMQPValue::ShortShortInt(value) => number((*value).into()),
        AMQPValue::ShortShortUInt(value) => number((*value).into()),
        AMQPValue::ShortInt(value) => number((*value).into()),
        AMQPValue::ShortUInt(value) => number((*value).into()),
        AMQPValue::LongInt(value) => number((*value).into()),
        AMQPValue::LongUInt(value) => number((*value).into()),
        AMQPValue::LongLongInt(value) => number(*value),
        _ => return None,
    })
}

/// The properties without what we have put there.
pub(super) fn without_ours(properties: &BasicProperties, user: &str) -> BasicProperties {
    let headers = properties.headers().clone().unwrap_or_default();
    let others =
        headers.inner().iter().filter(|(name, _)| !name.as_str().starts_with("x-photofinish-"));
    let others: std::collections::BTreeMap<_, _> =
        others.map(|(name, value)| (name.clone(), value.clone())).collect();
    let is_other = properties.user_id().as_ref().is_some_and(|name| name.as_str() != user);
    let properties = if is_other { without_user(properties) } else { properties.clone() };
    properties.with_headers(others.into())
}

/// The properties without the user, which only that user may set.
fn without_user(was: &BasicProperties) -> BasicProperties {
    let mut is = BasicProperties::default();
    macro_rules! keep {
        ($($get:ident $with:ident),*) => {
            $(if let Some(value) = was.$get() { is = is.$with(value.clone()); })*
        };
    }
    keep!(
        content_type with_content_type, content_encoding with_content_encoding, headers with_headers,
        delivery_mode with_delivery_mode, priority with_priority, correlation_id with_correlation_id,
        reply_to with_reply_to, expiration with_expiration, message_id with_message_id,
        timestamp with_timestamp, kind with_type, app_id with_app_id, cluster_id with_cluster_id
    );
    is
}
