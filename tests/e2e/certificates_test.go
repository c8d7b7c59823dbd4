package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const rotations = 20

// served is the certificate that a server shows to whom trusts `authority`; nil: anybody.
func served(at string, authority []byte) (*x509.Certificate, error) {
	config := &tls.Config{InsecureSkipVerify: authority == nil, RootCAs: x509.NewCertPool()}
	if authority != nil && !config.RootCAs.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("no authority in %q", authority)
	}
	connection, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", at, config)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	return connection.ConnectionState().PeerCertificates[0], nil
}

// TestFilesRotate replaces the serving certificate, of the same authority, under load.
func TestFilesRotate(t *testing.T) {
	c := sharedCluster(t)
	r := c.install(t, options{values: everyPod})
	l := c.loaded(t)
	authority := r.files.read(t, "ca.crt")
	for index := range rotations {
		r.files.renew(t)
		block, _ := pem.Decode(r.files.read(t, "tls.crt"))
		wanted := must(x509.ParseCertificate(block.Bytes))(t)
		eventually(t, soon, func() (bool, string) {
			shown, err := served(r.server.address, authority)
			return err == nil && shown.Equal(wanted), fmt.Sprintf("rotation %d is not served: %v", index, err)
		})
	}
	if reloads := r.server.metric(t, "plimsoll_certificate_reloads_total", `result="taken"`); reloads < rotations {
		t.Errorf("%v reloads", reloads)
	}
	l.stop(t, fmt.Sprintf("certificate files rotated %d times", rotations))
}

// pairOf installs Plimsoll with certificates of its own and two servers behind one address.
func (c *cluster) pairOf(t *testing.T, values settings) (*release, [2]*server) {
	t.Helper()
	service := newProxy(t)
	r := c.install(t, options{address: service.address(), noServer: true, selfSigned: true, values: values})
	// The chart's Secret outlives the release; the next test begins without.
	t.Cleanup(func() {
		c.client.CoreV1().Secrets(releaseNamespace).Delete(context.Background(), r.secretName(t), metav1.DeleteOptions{})
	})
	var servers [2]*server
	for index := range servers {
		servers[index] = serve(t, free(t), r.adapted(t, r.configuration(t), options{}))
	}
	for _, one := range servers {
		one.ready(t)
	}
	r.server = servers[0]
	service.aim(servers[0].address, servers[1].address)
	return r, servers
}

func selfManaged(authority, serving string) settings {
	return settings{"prefilter": false, "certificates": settings{"mode": "selfManaged", "selfManaged": settings{"caValidity": authority, "servingValidity": serving}}}
}

func (r *release) secretName(t testing.TB) string {
	t.Helper()
	secret := r.configuration(t).section("selfManaged").section("secret")
	return secret["name"].(string)
}

func (r *release) secret(t testing.TB) (*corev1.Secret, error) {
	return r.cluster.client.CoreV1().Secrets(releaseNamespace).Get(t.Context(), r.secretName(t), metav1.GetOptions{})
}

// bundle is the caBundle of the registration, the same in each entry.
func (r *release) bundle(t testing.TB) ([]byte, error) {
	t.Helper()
	var bundle []byte
	for _, one := range r.registered(t) {
		if len(one.ClientConfig.CABundle) == 0 {
			return nil, fmt.Errorf("%s has no caBundle", one.Name)
		}
		if bundle != nil && !bytes.Equal(bundle, one.ClientConfig.CABundle) {
			return nil, fmt.Errorf("%s has a caBundle of its own", one.Name)
		}
		bundle = one.ClientConfig.CABundle
	}
	return bundle, nil
}

// agreed waits until the registration trusts what each server shows and what the Secret holds.
func (r *release) agreed(t testing.TB, servers [2]*server) {
	t.Helper()
	eventually(t, soon, func() (bool, string) {
		bundle, err := r.bundle(t)
		if err != nil {
			return false, err.Error()
		}
		secret, err := r.secret(t)
		if err != nil {
			return false, err.Error()
		}
		if _, err := tls.X509KeyPair(secret.Data["tls.crt"], secret.Data["tls.key"]); err != nil {
			return false, fmt.Sprintf("the Secret: %v", err)
		}
		if _, err := tls.X509KeyPair(secret.Data["ca.crt"], secret.Data["ca.key"]); err != nil {
			return false, fmt.Sprintf("the Secret: %v", err)
		}
		block, _ := pem.Decode(secret.Data["tls.crt"])
		for _, one := range servers {
			shown, err := served(one.address, bundle)
			if err != nil {
				return false, fmt.Sprintf("what %s shows is not trusted: %v", one.address, err)
			}
			if !bytes.Equal(shown.Raw, block.Bytes) {
				return false, fmt.Sprintf("%s shows another certificate than the Secret holds", one.address)
			}
		}
		return true, ""
	})
}

// TestSelfManaged lets two servers make their certificates and keep them, with no more rights than the
// chart's.
func TestSelfManaged(t *testing.T) {
	c := sharedCluster(t)
	// A new authority makes certificates once the API server has trusted it for a tenth of their validity.
	r, servers := c.pairOf(t, selfManaged("1h", "60s"))
	r.agreed(t, servers)
	secrets := c.client.CoreV1().Secrets(releaseNamespace)
	name := r.secretName(t)

	t.Run("rights", func(t *testing.T) {
		webhooks := func(verb, name string) authorizationv1.ResourceAttributes {
			return authorizationv1.ResourceAttributes{Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations", Verb: verb, Name: name}
		}
		secret := func(verb, namespace, name string) authorizationv1.ResourceAttributes {
			return authorizationv1.ResourceAttributes{Resource: "secrets", Verb: verb, Namespace: namespace, Name: name}
		}
		for _, one := range []struct {
			what authorizationv1.ResourceAttributes
			may  bool
		}{
			{secret("get", releaseNamespace, name), true},
			{secret("create", releaseNamespace, name), true},
			{secret("update", releaseNamespace, name), true},
			{secret("get", releaseNamespace, "other"), false},
			{secret("create", releaseNamespace, "other"), false},
			{secret("update", releaseNamespace, "other"), false},
			{secret("list", releaseNamespace, ""), false},
			{secret("get", "default", name), false},
			{secret("delete", releaseNamespace, name), false},
			{webhooks("get", releaseName), true},
			{webhooks("get", "other"), false},
			{webhooks("update", "other"), false},
			{webhooks("patch", "other"), false},
			{webhooks("create", ""), false},
			{webhooks("delete", releaseName), false},
			{authorizationv1.ResourceAttributes{Resource: "namespaces", Verb: "watch"}, true},
			{authorizationv1.ResourceAttributes{Resource: "namespaces", Verb: "update", Name: "default"}, false},
			{authorizationv1.ResourceAttributes{Resource: "pods", Verb: "create", Namespace: "default"}, false},
			{authorizationv1.ResourceAttributes{Resource: "pods", Subresource: "exec", Verb: "create", Namespace: "default"}, false},
		} {
			user := "system:serviceaccount:" + releaseNamespace + ":" + r.one(t, "ServiceAccount").GetName()
			review := must(c.client.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{
				Spec: authorizationv1.SubjectAccessReviewSpec{User: user, Groups: []string{"system:serviceaccounts", "system:authenticated"},
					ResourceAttributes: &one.what}}, metav1.CreateOptions{}))(t)
			if review.Status.Allowed != one.may {
				t.Errorf("%s %s/%s in %q: allowed: %t", one.what.Verb, one.what.Resource, one.what.Name, one.what.Namespace, review.Status.Allowed)
			}
		}
	})

	l := c.loaded(t)
	heal := func(name string, harm func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			before := must(r.secret(t))(t)
			harm(t)
			eventually(t, soon, func() (bool, string) {
				secret, err := r.secret(t)
				if err != nil {
					return false, err.Error()
				}
				_, wrong := tls.X509KeyPair(secret.Data["tls.crt"], secret.Data["tls.key"])
				return secret.ResourceVersion != before.ResourceVersion && wrong == nil, fmt.Sprintf("the Secret: %v", wrong)
			})
			r.agreed(t, servers)
			l.more(t, enough)
		})
	}
	heal("Secret deleted", func(t *testing.T) {
		if err := secrets.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	})
	corrupt := func(data map[string]string) func(t *testing.T) {
		return func(t *testing.T) {
			all := map[string][]byte{}
			for key, value := range data {
				all[key] = []byte(value)
			}
			patch := must(json.Marshal(map[string]any{"data": all}))(t)
			must(secrets.Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{}))(t)
		}
	}
	heal("certificate corrupted", corrupt(map[string]string{"tls.crt": "no certificate"}))
	heal("keys corrupted", corrupt(map[string]string{"tls.key": "no key", "ca.key": "nor this"}))
	heal("everything corrupted", corrupt(map[string]string{"tls.crt": "", "tls.key": "", "ca.crt": "", "ca.key": "", "ca-bundle.crt": ""}))

	t.Run("upgrade", func(t *testing.T) {
		before := must(r.bundle(t))(t)
		r.upgrade(t, nil)
		after := must(r.bundle(t))(t)
		if !bytes.Equal(before, after) {
			t.Error("helm upgrade takes the caBundle away")
		}
		l.more(t, enough)
	})
	l.stop(t, "self-managed certificates harmed")

	// Whoever takes the bundle away makes every call fail until it is written again.
	t.Run("caBundle removed", func(t *testing.T) {
		patch := []byte(`[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]`)
		must(c.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(t.Context(), releaseName, types.JSONPatchType, patch, metav1.PatchOptions{}))(t)
		r.agreed(t, servers)
		c.denies(t, loadNamespace)
	})
}

// TestSelfManagedRotates lets certificates, and the authority with them, come to their ends under load.
func TestSelfManagedRotates(t *testing.T) {
	t.Parallel()
	c := ownCluster(t)
	r, servers := c.pairOf(t, selfManaged("30s", "10s"))
	r.agreed(t, servers)
	l := c.loaded(t)
	seen, authorities := map[string]bool{}, map[string]bool{}
	eventually(t, 4*time.Minute, func() (bool, string) {
		for _, one := range servers {
			shown, err := served(one.address, nil)
			if err != nil {
				t.Fatal(err)
			}
			if time.Now().After(shown.NotAfter) {
				t.Errorf("%s shows a certificate that ended %s ago", one.address, time.Since(shown.NotAfter))
			}
			seen[shown.SerialNumber.String()] = true
			authorities[string(shown.AuthorityKeyId)] = true
		}
		time.Sleep(100 * time.Millisecond)
		return len(seen) > rotations && len(authorities) > 2, fmt.Sprintf("%d certificates of %d authorities were served", len(seen), len(authorities))
	})
	r.agreed(t, servers)
	if expiry := r.server.metric(t, "plimsoll_certificate_expiry_seconds"); expiry < float64(time.Now().Unix()) {
		t.Errorf("plimsoll_certificate_expiry_seconds is %v", expiry)
	}
	l.stop(t, fmt.Sprintf("%d certificates of %d authorities", len(seen), len(authorities)))
}
