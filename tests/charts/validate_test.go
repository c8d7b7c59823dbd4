package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/admissionregistration"
	_ "k8s.io/kubernetes/pkg/apis/admissionregistration/install"
	admissionvalidation "k8s.io/kubernetes/pkg/apis/admissionregistration/validation"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install" // apps knows its Scale
	"k8s.io/kubernetes/pkg/apis/batch"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	batchvalidation "k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	"k8s.io/kubernetes/pkg/apis/rbac"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	rbacvalidation "k8s.io/kubernetes/pkg/apis/rbac/validation"
	"sigs.k8s.io/yaml"
)

// Strict, as `kubectl apply --validate=strict` asks the API server to be.
var strict = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDecoder()

// validate says what the API server would say: it reads the object strictly, defaults it, and runs the validation of its kind.
// Kinds of custom resources are held to the schema that their project ships.
func validate(d document) error {
	group, _, _ := strings.Cut(text(d.Object, "apiVersion"), "/")
	if crd, ok := crds[group+"/"+d.kind()]; ok {
		return crd.validate(d)
	}
	data, err := json.Marshal(d.Object)
	if err != nil {
		return err
	}
	object, err := runtime.Decode(strict, data)
	if err != nil {
		return err
	}
	var problems field.ErrorList
	switch o := object.(type) {
	case *admissionregistration.ValidatingWebhookConfiguration:
		problems = admissionvalidation.ValidateValidatingWebhookConfiguration(o)
	case *apps.Deployment:
		problems = appsvalidation.ValidateDeployment(o, corevalidation.PodValidationOptions{AllowNamespacedSysctlsForHostNetAndHostIPC: true})
	case *batch.CronJob:
		problems = batchvalidation.ValidateCronJobCreate(o, corevalidation.PodValidationOptions{})
	case *core.ConfigMap:
		problems = corevalidation.ValidateConfigMap(o)
	case *core.Namespace:
		problems = corevalidation.ValidateNamespace(o)
	case *core.ResourceQuota:
		problems = corevalidation.ValidateResourceQuota(o)
	case *core.Secret:
		problems = corevalidation.ValidateSecret(o)
	case *core.Service:
		problems = corevalidation.ValidateServiceCreate(o)
	case *core.ServiceAccount:
		problems = corevalidation.ValidateServiceAccount(o)
	case *networking.NetworkPolicy:
		problems = networkingvalidation.ValidateNetworkPolicy(o, networkingvalidation.NetworkPolicyValidationOptions{})
	case *policy.PodDisruptionBudget:
		problems = policyvalidation.ValidatePodDisruptionBudget(o, policyvalidation.PodDisruptionBudgetValidationOptions{})
	case *rbac.ClusterRole:
		problems = rbacvalidation.ValidateClusterRole(o, rbacvalidation.ClusterRoleValidationOptions{})
	case *rbac.ClusterRoleBinding:
		problems = rbacvalidation.ValidateClusterRoleBinding(o)
	case *rbac.Role:
		problems = rbacvalidation.ValidateRole(o)
	case *rbac.RoleBinding:
		problems = rbacvalidation.ValidateRoleBinding(o)
	default:
		return fmt.Errorf("%s: nobody validates this kind", d.kind())
	}
	return problems.ToAggregate()
}

// crd is a custom resource definition of another project, read from its Go module.
type crd struct {
	module, path string
	once         sync.Once
	schema       *apiextensions.JSONSchemaProps
	structural   *structuralschema.Structural
	err          error
}

var crds = map[string]*crd{
	"cert-manager.io/Certificate": {module: "github.com/cert-manager/cert-manager@v1.21.2", path: "deploy/crds/cert-manager.io_certificates.yaml"},
	"cert-manager.io/Issuer":      {module: "github.com/cert-manager/cert-manager@v1.21.2", path: "deploy/crds/cert-manager.io_issuers.yaml"},
	"monitoring.coreos.com/ServiceMonitor": {module: "github.com/prometheus-operator/prometheus-operator@v0.85.0",
		path: "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"},
}

// download returns the folder of a module. It stands in no go.mod: nothing of it is built.
func download(module string) (string, error) {
	command := exec.Command("go", "mod", "download", "-json", module)
	command.Dir = os.TempDir()
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("go mod download %s: %w\n%s", module, err, out)
	}
	var found struct{ Dir string }
	err = json.Unmarshal(out, &found)
	return found.Dir, err
}

func (c *crd) load() error {
	folder, err := download(c.module)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(c.path)))
	if err != nil {
		return err
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(data, &definition); err != nil {
		return err
	}
	for _, v := range definition.Spec.Versions {
		if v.Name != "v1" {
			continue
		}
		c.schema = &apiextensions.JSONSchemaProps{}
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, c.schema, nil); err != nil {
			return err
		}
		c.structural, err = structuralschema.NewStructural(c.schema)
		return err
	}
	return fmt.Errorf("%s has no version v1", c.path)
}

func (c *crd) validate(d document) error {
	c.once.Do(func() { c.err = c.load() })
	if c.err != nil {
		return c.err
	}
	validator, _, err := crdvalidation.NewSchemaValidator(c.schema)
	if err != nil {
		return err
	}
	// As JSON has it: numbers are int64 or float64.
	object := map[string]any{}
	data, err := yaml.YAMLToJSON([]byte(d.Text))
	if err != nil {
		return err
	}
	if err := utiljson.Unmarshal(data, &object); err != nil {
		return err
	}
	problems := crdvalidation.ValidateCustomResource(nil, object, validator).ToAggregate()
	unknown := pruning.PruneWithOptions(object, c.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	if len(unknown) > 0 {
		return errors.Join(problems, fmt.Errorf("unknown fields: %s", strings.Join(unknown, ", ")))
	}
	if problems == nil {
		return nil
	}
	return problems
}
