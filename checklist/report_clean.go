package checklist

import (
	"reflect"
	"time"

	"whydrop/content"
)

// clean makes every text of a report printable: whatever a template does with it, no
// control character from outside reaches a terminal or a page. Lists are copied
// first, for some are the case's own. The drawings are made of such texts already.
func (r *Report) clean() {
	clean(reflect.ValueOf(r).Elem())
}

func clean(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(content.Show(v.String()))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		drawings := v.Type() == reflect.TypeFor[ReportWay]()
		for i := range v.NumField() {
			if !drawings || v.Field(i).Kind() != reflect.String {
				clean(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(list, v)
		for i := range list.Len() {
			clean(list.Index(i))
		}
		v.Set(list)
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(v.Elem())
		clean(p.Elem())
		v.Set(p)
	}
}
