package deploy

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// The smallest identity provider that signs somebody in: whoever comes is sent back at once. Its tokens live two seconds, so that
// renewal is seen at once.
func provider(t testing.TB) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	var lock sync.Mutex
	nonces := map[string]string{}
	answers := http.NewServeMux()
	server := httptest.NewServer(answers)
	t.Cleanup(server.Close)
	answer := func(path string, body func() any) {
		answers.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(body())
		})
	}
	answer("/.well-known/openid-configuration", func() any {
		return map[string]any{
			"issuer": server.URL, "authorization_endpoint": server.URL + "/authorize", "token_endpoint": server.URL + "/token",
			"jwks_uri": server.URL + "/keys", "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"},
		}
	})
	answer("/keys", func() any {
		return map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "one", "n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
		}}}
	})
	answers.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		asked := r.URL.Query()
		lock.Lock()
		defer lock.Unlock()
		code := fmt.Sprintf("code-%d", len(nonces))
		nonces[code] = asked.Get("nonce")
		back := url.Values{"code": {code}, "state": {asked.Get("state")}, "iss": {server.URL}}
		http.Redirect(w, r, asked.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
	})
	answers.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		now := time.Now().Unix()
		claims := map[string]any{"iss": server.URL, "aud": "doorward", "sub": "jane", "iat": now, "exp": now + 2,
			"email": "jane@example.com", "email_verified": true, "name": "Jane", "preferred_username": "jane", "groups": []string{}}
		if nonce := nonces[r.FormValue("code")]; nonce != "" {
			claims["nonce"] = nonce
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"access_token": "access", "token_type": "Bearer", "expires_in": 2, "refresh_token": "refresh", "id_token": sign(t, key, claims),
		})
	})
	return server.URL
}

func sign(t testing.TB, key *rsa.PrivateKey, claims map[string]any) string {
	body, err := json.Marshal(claims)
	must(t, err)
	text := encode([]byte(`{"alg":"RS256","kid":"one","typ":"JWT"}`)) + "." + encode(body)
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	must(t, err)
	return text + "." + encode(signature)
}

func encode(bytes []byte) string { return base64.RawURLEncoding.EncodeToString(bytes) }
