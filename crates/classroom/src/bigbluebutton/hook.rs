//! `hooks/create`, `hooks/list` and `hooks/destroy`: answers are those of bbb-webhooks.

use super::answer::Answer;
use super::call::Call;
use crate::Classroom;
use crate::service::ServiceError;
use crate::service::hook::HookWish;
use crate::xml::Element;

fn word(truth: bool) -> &'static str {
    if truth { "true" } else { "false" }
}

impl Classroom {
    /// `hooks/create`
    pub(super) async fn hook_create_answer(&self, call: &Call<'_>) -> Result<Answer, ServiceError> {
        let Some(url) = call.parameters.get("callbackURL") else {
            let sentence = "You must specify a callbackURL in the parameters.";
            return Ok(Answer::failed("missingParamCallbackURL", sentence));
        };
        let text = |name: &str, most: usize| call.parameters.get(name).map(|text| text.chars().take(most).collect());
        let wish = HookWish {
            url: url.to_owned(),
            meeting_id: text("meetingID", 256),
            event_ids: text("eventID", 500),
            is_raw: call.parameters.get("getRaw").is_some_and(|raw| raw.eq_ignore_ascii_case("true")),
        };
        let Some((hook, is_new)) = self.hook_create(&call.tenant.settings.tenant, wish).await? else {
            let sentence = "An error happened while creating your hook. Check the logs.";
            return Ok(Answer::failed("createHookError", sentence));
        };
        let answer = Element::success().with("hookID", &hook.id.to_string());
        Ok(Answer::success(if is_new {
            answer.with("permanentHook", "false").with("rawData", word(hook.is_raw))
        } else {
            let sentence = "There is already a hook for this callback URL.";
            answer.with("messageKey", "duplicateWarning").with("message", sentence)
        }))
    }

    /// `hooks/list`
    pub(super) async fn hook_list_answer(&self, call: &Call<'_>) -> Result<Answer, ServiceError> {
        let hooks = self.hooks_of(&call.tenant.settings.tenant, call.parameters.get("meetingID")).await?;
        let mut answer = Element::success();
        answer.push_with("hooks", |element| {
            for hook in &hooks {
                element.push_with("hook", |own| {
                    own.push("hookID", &hook.id.to_string());
                    own.push("callbackURL", &hook.url);
                    if let Some(meeting_id) = &hook.meeting_id {
                        own.push("meetingID", meeting_id);
                    }
                    own.push("permanentHook", "false");
                    own.push("rawData", word(hook.is_raw));
                });
            }
        });
        Ok(Answer::success(answer))
    }

    /// `hooks/destroy`
    pub(super) async fn hook_destroy_answer(&self, call: &Call<'_>) -> Result<Answer, ServiceError> {
        let Some(id) = call.parameters.get("hookID") else {
            return Ok(Answer::failed("missingParamHookID", "You must specify a hookID in the parameters."));
        };
        let is_removed = match id.parse() {
            Ok(id) => self.hook_destroy(&call.tenant.settings.tenant, id).await?,
            Err(_) => false,
        };
        Ok(if is_removed {
            Answer::success(Element::success().with("removed", "true"))
        } else {
            Answer::failed("destroyMissingHook", "The hook informed was not found.")
        })
    }
}

#[cfg(test)]
mod tests;
