//! A browser that signs Ada in, again and again, each time as somebody who was never here before.

use doorward::demo::PEOPLE;
use reqwest::{Client, RequestBuilder, header, header::HeaderMap, redirect::Policy};
use url::{Url, form_urlencoded};

/// An answer, but for its body.
#[derive(Debug)]
struct Answer {
    url: Url,
    headers: HeaderMap,
}

/// Many windows of it share their connections.
pub(crate) struct Browser {
    client: Client,
    gateway: String,
}

impl Browser {
    /// Of a gateway at this address.
    pub(crate) fn new(gateway: &str) -> Self {
        let client = Client::builder().redirect(Policy::none()).no_proxy().build();
        Self {
            client: client.expect("a client"),
            gateway: format!("{gateway}/"),
        }
    }

    /// From a page that needs a session to the session.
    pub(crate) async fn sign_in(&self) {
        let first = self.navigate(&self.gateway, None).await;
        let (attempt, request) = (cookie(&first), location(&first));
        let person = PEOPLE.first().expect("somebody");
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("request", request.query().expect("a request"))
            .append_pair("email", person.email)
            .append_pair("password", person.password)
            .finish();
        let to = self.client.post(request.join("/sign-in").expect("an address"));
        let sent = to
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        let approved = answer(sent).await;
        let last = self.navigate(location(&approved).as_str(), Some(&attempt)).await;
        let mut cookies = last.headers.get_all(header::SET_COOKIE).iter();
        let session = cookies.any(|set| set.as_bytes().starts_with(b"doorward="));
        assert!(session, "no session: {last:?}");
    }

    async fn navigate(&self, url: &str, cookie: Option<&str>) -> Answer {
        let asked = self
            .client
            .get(url)
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .header(header::ACCEPT, "text/html,*/*;q=0.8")
            .header(header::COOKIE, cookie.unwrap_or("theme=dark"));
        answer(asked).await
    }
}

/// Reads it to its end, so that the connection is kept.
async fn answer(asked: RequestBuilder) -> Answer {
    let response = asked.send().await.expect("an answer");
    let (url, headers) = (response.url().clone(), response.headers().clone());
    response.text().await.expect("an answer's body");
    Answer { url, headers }
}

fn location(answer: &Answer) -> Url {
    let header = answer.headers.get(header::LOCATION);
    let Some(location) = header.and_then(|header| header.to_str().ok()) else {
        panic!("it leads nowhere: {answer:?}");
    };
    answer.url.join(location).expect("an address")
}

fn cookie(answer: &Answer) -> String {
    let header = answer.headers.get(header::SET_COOKIE);
    let set = header.and_then(|header| header.to_str().ok()).expect("a cookie");
    set.split(';').next().unwrap_or_default().to_owned()
}
