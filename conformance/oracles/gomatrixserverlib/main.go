// Reads one room per line, asks gomatrixserverlib, writes its answers. The form of both is told by ../questions.py.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"sort"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"
)

type rawEvent struct {
	EventID  string          `json:"event_id"`
	Rejected bool            `json:"rejected"`
	PDU      json.RawMessage `json:"pdu"`
}

type question struct {
	Version gomatrixserverlib.RoomVersion `json:"version"`
	Events  []rawEvent                    `json:"events"`
	Resolve [][][]string                  `json:"resolve"`
	Auth    []authQuestion                `json:"auth"`
	PDUs    []json.RawMessage             `json:"pdus"`
}

type authQuestion struct {
	Event string   `json:"event"`
	State []string `json:"state"`
}

// answer is a value, or the reason why there is none; as serde writes Rust's Result.
type answer map[string]any

func guarded(ask func() (any, error)) (result answer) {
	defer func() {
		if problem := recover(); problem != nil {
			result = answer{"Err": fmt.Sprintf("panic: %v", problem)}
		}
	}()
	value, err := ask()
	if err != nil {
		return answer{"Err": err.Error()}
	}
	return answer{"Ok": value}
}

func userIDOf(_ spec.RoomID, senderID spec.SenderID) (*spec.UserID, error) {
	return spec.NewUserID(string(senderID), true)
}

type room struct {
	version  gomatrixserverlib.IRoomVersion
	events   map[string]gomatrixserverlib.PDU
	rejected map[string]bool
}

func readRoom(asked *question) (*room, error) {
	version, err := gomatrixserverlib.GetRoomVersion(asked.Version)
	if err != nil {
		return nil, err
	}
	read := &room{version, map[string]gomatrixserverlib.PDU{}, map[string]bool{}}
	for _, raw := range asked.Events {
		event, err := version.NewEventFromTrustedJSONWithEventID(raw.EventID, raw.PDU, false)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", raw.EventID, err)
		}
		read.events[raw.EventID] = event
		read.rejected[raw.EventID] = raw.Rejected
	}
	return read, nil
}

func (r *room) pdus(ids []string) ([]gomatrixserverlib.PDU, error) {
	found := make([]gomatrixserverlib.PDU, 0, len(ids))
	for _, id := range ids {
		event, ok := r.events[id]
		if !ok {
			return nil, fmt.Errorf("unknown event %s", id)
		}
		found = append(found, event)
	}
	return found, nil
}

// withAuthChain returns the events of the states and all that they cite.
func (r *room) withAuthChain(states [][]string) []gomatrixserverlib.PDU {
	seen := map[string]bool{}
	var pending []string
	for _, ids := range states {
		pending = append(pending, ids...)
	}
	var found []gomatrixserverlib.PDU
	for len(pending) > 0 {
		id := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		event, ok := r.events[id]
		if !ok || seen[id] {
			continue
		}
		seen[id] = true
		found = append(found, event)
		pending = append(pending, event.AuthEventIDs()...)
	}
	return found
}

func (r *room) resolve(states [][]string) (any, error) {
	sets := make([][]gomatrixserverlib.PDU, 0, len(states))
	for _, ids := range states {
		events, err := r.pdus(ids)
		if err != nil {
			return nil, err
		}
		sets = append(sets, events)
	}
	if r.version.StateResAlgorithm() == gomatrixserverlib.StateResV1 {
		conflicted, others := split(sets)
		return idsOf(append(gomatrixserverlib.ResolveStateConflicts(conflicted, others, userIDOf), others...)), nil
	}
	isRejected := func(id string) bool { return r.rejected[id] }
	resolved, err := gomatrixserverlib.ResolveConflictsNew(
		r.version.Version(), sets, r.withAuthChain(states), userIDOf, isRejected,
	)
	if err != nil {
		return nil, err
	}
	return idsOf(resolved), nil
}

func idsOf(resolved []gomatrixserverlib.PDU) []string {
	ids := make([]string, 0, len(resolved))
	for _, event := range resolved {
		ids = append(ids, event.EventID())
	}
	sort.Strings(ids)
	return ids
}

// split tells the events of keys with several candidates from the others.
func split(sets [][]gomatrixserverlib.PDU) (conflicted, others []gomatrixserverlib.PDU) {
	type key struct{ eventType, stateKey string }
	candidates := map[key]map[string]gomatrixserverlib.PDU{}
	for _, events := range sets {
		for _, event := range events {
			at := key{event.Type(), *event.StateKey()}
			if candidates[at] == nil {
				candidates[at] = map[string]gomatrixserverlib.PDU{}
			}
			candidates[at][event.EventID()] = event
		}
	}
	for _, found := range candidates {
		for _, event := range found {
			if len(found) > 1 {
				conflicted = append(conflicted, event)
			} else {
				others = append(others, event)
			}
		}
	}
	return conflicted, others
}

func (r *room) authorize(asked authQuestion) (any, error) {
	event, ok := r.events[asked.Event]
	if !ok {
		return nil, fmt.Errorf("unknown event %s", asked.Event)
	}
	state, err := r.pdus(asked.State)
	if err != nil {
		return nil, err
	}
	provider, err := gomatrixserverlib.NewAuthEvents(state)
	if err != nil {
		return nil, err
	}
	return nil, gomatrixserverlib.Allowed(event, provider, userIDOf)
}

func (r *room) facts(pdu []byte) (any, error) {
	event, err := r.version.NewEventFromUntrustedJSON(pdu)
	if err != nil {
		return nil, err
	}
	redacted, err := r.version.RedactEventJSON(pdu)
	if err != nil {
		return nil, err
	}
	redacted, err = gomatrixserverlib.CanonicalJSON(redacted)
	if err != nil {
		return nil, err
	}
	canonical, err := gomatrixserverlib.CanonicalJSON(pdu)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"event_id":     event.EventID(),
		"hash_matches": !event.Redacted(),
		"redacted":     string(redacted),
		"canonical":    string(canonical),
	}, nil
}

func answers(line []byte) (any, error) {
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, err
	}
	read, err := readRoom(&asked)
	if err != nil {
		return nil, err
	}
	resolved := make([]answer, 0)
	for _, states := range asked.Resolve {
		resolved = append(resolved, guarded(func() (any, error) { return read.resolve(states) }))
	}
	authorized := make([]answer, 0)
	for _, one := range asked.Auth {
		authorized = append(authorized, guarded(func() (any, error) { return read.authorize(one) }))
	}
	facts := make([]answer, 0)
	for _, pdu := range asked.PDUs {
		facts = append(facts, guarded(func() (any, error) { return read.facts(pdu) }))
	}
	return map[string]any{"resolve": resolved, "auth": authorized, "pdus": facts}, nil
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	devNull, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		log.Fatal(err)
	}
	os.Stdout = devNull // gomatrixserverlib prints there
	reader := bufio.NewReaderSize(os.Stdin, 1<<20)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			return
		}
		if err := encoder.Encode(guarded(func() (any, error) { return answers(line) })); err != nil {
			log.Fatal(err)
		}
		if err := out.Flush(); err != nil {
			log.Fatal(err)
		}
	}
}
