//! Hashes, ids and redaction of one PDU.
use ruma_common::canonical_json::{CanonicalJsonObject, CanonicalJsonValue, redact};
use ruma_common::room_version_rules::RoomVersionRules;
use serde::Serialize;

#[derive(Serialize)]
pub struct Facts {
    reference_hash: String,
    content_hash: String,
    redacted: String,
    canonical: String,
    /// Whether the format checks pass.
    format: Result<(), String>,
}

pub fn facts(pdu: &str, rules: &RoomVersionRules) -> Result<Facts, String> {
    let object: CanonicalJsonObject = serde_json::from_str(pdu).map_err(|error| error.to_string())?;
    let redacted = redact(object.clone(), &rules.redaction, None).map_err(|error| error.to_string())?;
    Ok(Facts {
        reference_hash: ruma_signatures::reference_hash(&object, rules).map_err(|error| error.to_string())?,
        content_hash: ruma_signatures::content_hash(&object).map_err(|error| error.to_string())?.encode(),
        redacted: CanonicalJsonValue::Object(redacted).to_string(),
        format: ruma_state_res::check_pdu_format(&object, &rules.event_format),
        canonical: CanonicalJsonValue::Object(object).to_string(),
    })
}
