package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/admissionregistration"
	_ "k8s.io/kubernetes/pkg/apis/admissionregistration/install"
	admissionvalidation "k8s.io/kubernetes/pkg/apis/admissionregistration/validation"
)

// strict reads as `kubectl apply --validate=strict` asks the API server to.
var strict = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDecoder()

// TestPrefilterIsARegistration holds the conditions to what the API server asks of a registration: their number, their names, what
// they compile to.
func TestPrefilterIsARegistration(t *testing.T) {
	all := append(candidates(t, builtin), customCandidates(t)...)
	for _, c := range all {
		for _, conditions := range [][]admissionregistrationv1.MatchCondition{c.text.Pods, c.text.Workloads} {
			fail, none, path := admissionregistrationv1.Fail, admissionregistrationv1.SideEffectClassNone, "/validate/enforce"
			configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{
				ObjectMeta: metav1.ObjectMeta{Name: "plimsoll"},
				Webhooks: []admissionregistrationv1.ValidatingWebhook{{
					Name: "enforce.pods.plimsoll.dev", FailurePolicy: &fail, SideEffects: &none, AdmissionReviewVersions: []string{"v1"}, MatchConditions: conditions,
					ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "plimsoll", Name: "plimsoll", Path: &path}},
				}},
			}
			legacyscheme.Scheme.Default(configuration)
			var internal admissionregistration.ValidatingWebhookConfiguration
			if err := legacyscheme.Scheme.Convert(configuration, &internal, nil); err != nil {
				t.Fatal(err)
			}
			if problems := admissionvalidation.ValidateValidatingWebhookConfiguration(&internal); len(problems) > 0 {
				t.Errorf("%s: %.500v", c.name, problems.ToAggregate())
			}
			for _, condition := range conditions {
				// kubectl apply keeps what it applied in an annotation; all of an object's have 256 KiB.
				if len(condition.Expression) > 16<<10 {
					t.Errorf("%s: an expression of %d bytes", c.name, len(condition.Expression))
				}
			}
		}
		if slices.Contains(builtin, c.name) {
			t.Logf("%-16s pods: %d bytes, workloads: %d bytes, of one condition each", c.name, len(c.text.Pods[0].Expression), len(c.text.Workloads[0].Expression))
		}
	}
}

// exportedPolicy is a ValidatingAdmissionPolicy as the API server's plugin of that name has compiled it.
type exportedPolicy struct {
	*admissionregistrationv1.ValidatingAdmissionPolicy
	validator validating.Validator
}

// policies are those of a template in a mode, and their bindings: of pods, of workloads.
func policies(t *testing.T, template, mode string) []exportedPolicy {
	t.Helper()
	binary, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exportAs(binary, "validating-admission-policy", template, "--mode", mode)
	if err != nil {
		t.Fatal(err)
	}
	var all []exportedPolicy
	bindings := 0
	for _, document := range bytes.Split(out, []byte("\n---\n"))[1:] {
		object, err := runtime.Decode(strict, document)
		if err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		switch o := object.(type) {
		case *admissionregistration.ValidatingAdmissionPolicy:
			if problems := admissionvalidation.ValidateValidatingAdmissionPolicy(o); len(problems) > 0 {
				t.Fatalf("%s: %.1000v", o.Name, problems.ToAggregate())
			}
			versioned := &admissionregistrationv1.ValidatingAdmissionPolicy{}
			if err := legacyscheme.Scheme.Convert(o, versioned, nil); err != nil {
				t.Fatal(err)
			}
			compiled, err := compilePolicy(versioned)
			if err != nil {
				t.Fatalf("%s: %v", o.Name, err)
			}
			all = append(all, exportedPolicy{versioned, compiled})
		case *admissionregistration.ValidatingAdmissionPolicyBinding:
			if problems := admissionvalidation.ValidateValidatingAdmissionPolicyBinding(o); len(problems) > 0 {
				t.Fatalf("%s: %v", o.Name, problems.ToAggregate())
			}
			if name := all[len(all)-1].Name; o.Spec.PolicyName != name {
				t.Errorf("the binding after %s is of %s", name, o.Spec.PolicyName)
			}
			bindings++
		default:
			t.Fatalf("%T is neither a policy nor a binding", object)
		}
	}
	if len(all) != 2 || bindings != 2 {
		t.Fatalf("%d policies, %d bindings, want 2 of each", len(all), bindings)
	}
	return all
}

// compilePolicy is what the function of this name in k8s.io/apiserver/pkg/admission/plugin/policy/validating does.
func compilePolicy(p *admissionregistrationv1.ValidatingAdmissionPolicy) (validating.Validator, error) {
	with, without := cel.OptionalVariableDeclarations{HasAuthorizer: true}, cel.OptionalVariableDeclarations{}
	compiler, err := cel.NewCompositedCompiler(environment.MustBaseEnvSet(version.MustParse(newest)))
	if err != nil {
		return nil, err
	}
	var variables []cel.NamedExpressionAccessor
	for _, v := range p.Spec.Variables {
		variables = append(variables, &validating.Variable{Name: v.Name, Expression: v.Expression})
	}
	compiler.CompileAndStoreVariables(variables, with, environment.NewExpressions)
	var problems []error
	compile := func(accessors []cel.ExpressionAccessor, options cel.OptionalVariableDeclarations) cel.ConditionEvaluator {
		compiled := compiler.CompileCondition(accessors, options, environment.NewExpressions)
		problems = append(problems, compiled.CompilationErrors()...)
		return compiled
	}
	var conditions, validations, annotations []cel.ExpressionAccessor
	for i := range p.Spec.MatchConditions {
		conditions = append(conditions, (*matchconditions.MatchCondition)(&p.Spec.MatchConditions[i]))
	}
	for _, v := range p.Spec.Validations {
		validations = append(validations, &validating.ValidationCondition{Expression: v.Expression, Message: v.Message, Reason: v.Reason})
	}
	for _, a := range p.Spec.AuditAnnotations {
		annotations = append(annotations, &validating.AuditAnnotationCondition{Key: a.Key, ValueExpression: a.ValueExpression})
	}
	matcher := matchconditions.NewMatcher(compile(conditions, with), p.Spec.FailurePolicy, "policy", "validate", p.Name)
	out := validating.NewValidator(compile(validations, with), matcher, compile(annotations, with),
		compile(make([]cel.ExpressionAccessor, len(validations)), without), p.Spec.FailurePolicy, nil)
	return out, errors.Join(problems...)
}

var idsOfMessage = regexp.MustCompile(`: (?:fails ".*" |The pod has more .* )\[([a-z, -]+)\]`)

// asks returns the checks that the policy's messages name. An error in any expression is an error.
func (p exportedPolicy) asks(attributes *admission.VersionedAttributes, budget int64) (named []string, audited string, err error) {
	result := p.validator.Validate(context.Background(), attributes.GetResource(), attributes, nil, nil, budget, nil)
	for _, d := range result.Decisions {
		switch {
		case d.Evaluation == validating.EvalError:
			err = errors.Join(err, errors.New(d.Message))
		case d.Action == validating.ActionDeny:
			ids := idsOfMessage.FindStringSubmatch(d.Message)
			if ids == nil {
				err = errors.Join(err, fmt.Errorf("the message names no check: %s", d.Message))
				continue
			}
			named = append(named, ids[1])
		}
	}
	for _, a := range result.AuditAnnotations {
		if a.Error != "" {
			err = errors.Join(err, errors.New(a.Error))
		}
		audited = a.Value
	}
	return named, audited, err
}

// TestPolicyExport holds the exported policies to Plimsoll's own verdict: who is refused, and that the messages and the audit
// annotation name the checks that fail.
func TestPolicyExport(t *testing.T) {
	s, seed := plimsoll(t), seed(t)
	count := min(cases(t), defaultCases) / 72 // 20,000 cases in continuous integration
	for _, template := range builtin {
		for _, mode := range []string{"warn", "audit"} {
			policies(t, template, mode) // they compile, and the API server takes them
		}
		both := policies(t, template, "enforce")
		var refused, allowed, differ atomic.Int64
		inParallel(connections(), count, func(_, index int) bool {
			tree := furnished(seed, index)
			for i, w := range []workload{podKind, workloads[index%len(workloads)]} {
				o, err := w.store(plain(w.with(tree)))
				if err != nil {
					t.Error(err)
					return false
				}
				sent, err := o.sent()
				if err != nil {
					t.Error(err)
					return false
				}
				response, err := s.askRoute("/validate/enforce/"+template, w.request("CREATE", sent, nil), 0)
				if err != nil {
					t.Error(err)
					return false
				}
				converted, err := o.asMap()
				if err != nil {
					t.Error(err)
					return false
				}
				for _, attributes := range []*admission.VersionedAttributes{o.attributes(), converted} {
					named, audited, err := both[i].asks(attributes, celconfig.RuntimeCELCostBudget)
					fault := ""
					switch {
					case err != nil:
						fault = err.Error()
					case strings.Join(named, ", ") != audited:
						fault = fmt.Sprintf("the messages name %q, the audit annotation %q", named, audited)
					case o.admissible() && (len(named) == 0) != response.Allowed, len(named) == 0 && !response.Allowed:
						fault = fmt.Sprintf("the policy names %q, Plimsoll allows: %t", named, response.Allowed)
					case !response.Allowed:
						failing := map[string]bool{}
						for _, cause := range response.Result.Details.Causes {
							failing[string(cause.Type)] = true
							if !strings.Contains(", "+audited+",", ", "+string(cause.Type)+",") {
								fault = fmt.Sprintf("the policy names %q, Plimsoll also %s", named, cause.Type)
							}
						}
						for _, ids := range named {
							if o.admissible() && !slices.ContainsFunc(strings.Split(ids, ", "), func(id string) bool { return failing[id] }) {
								fault = fmt.Sprintf("the policy names %q, Plimsoll not", ids)
							}
						}
					}
					if fault != "" {
						t.Errorf("pod %d, a %s, for %s: %s\n  %s", index, w.kind, template, fault, sent)
						if differ.Add(1) > 5 {
							return false
						}
					}
				}
				if response.Allowed {
					allowed.Add(1)
				} else {
					refused.Add(1)
				}
			}
			return true
		})
		t.Logf("%-16s %6d allowed, %6d refused, %d differ", template, allowed.Load(), refused.Load(), differ.Load())
		if !brief(t) && (allowed.Load() < int64(count)/50 || refused.Load() < int64(count)/50) {
			t.Errorf("%s: too few of one sort", template)
		}

		for i, w := range []workload{podKind, workloads[3]} {
			ask := func(pod *object) ([]string, error) {
				o, err := w.store(plain(w.with(pod)))
				if err != nil {
					t.Fatal(err)
				}
				named, _, err := both[i].asks(o.attributes(), celconfig.RuntimeCELCostBudget)
				return named, err
			}
			if named, err := ask(full()); err != nil || len(named) > 0 {
				t.Errorf("a full pod, a %s, for %s: %q, %v", w.kind, template, named, err)
			}
			for _, m := range monsters {
				if !strings.HasPrefix(m.name, "one ") {
					continue
				}
				if named, err := ask(m.pod()); err != nil || !slices.Equal(named, []string{"small-enough"}) {
					t.Errorf("%s, a %s, for %s: %q, %.300v", m.name, w.kind, template, named, err)
				}
			}
		}
	}
}
