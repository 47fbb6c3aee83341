using System.Globalization;
using System.Text.Json;
using Gateway.Load.Payloads;

namespace Gateway.Load.Scenarios.Files;

/// <summary>Reads <c>steps</c>, or the one step that a scenario with <c>model</c> is.</summary>
internal static class StepReader
{
    private const int MostDistinct = 10_000_000;

    public static IReadOnlyList<StepPlan> Read(FileValues scenario, string path, TraceShelf traces, List<string> problems)
    {
        if (!scenario.Has("steps")) return [new StepPlan(scenario.Text("model", "request"), scenario.Text("model"), scenario.Text("version"), Payloads(scenario, path, traces, problems))];
        foreach (string name in (ReadOnlySpan<string>)["model", "version", "payloads"])
        {
            if (scenario.Has(name)) scenario.Complain(name, "belongs into the steps");
        }

        if (scenario.List("steps").Count == 0) scenario.Complain("steps", "must have one step at least");
        return [.. scenario.List("steps").Select(each => Step(each, path, traces, problems))];
    }

    private static StepPlan Step(LocatedJson value, string path, TraceShelf traces, List<string> problems)
    {
        FileValues values = new(value, path, problems, "name", "model", "version", "payloads");
        if (values.Text("model").Length == 0) values.Complain("model", "is missing");
        return new StepPlan(values.Text("name", values.Text("model")), values.Text("model"), values.Text("version"), Payloads(values, path, traces, problems));
    }

    private static PayloadRecipe Payloads(FileValues step, string path, TraceShelf traces, List<string> problems)
    {
        if (step.Get("payloads") is not { } value) return new PayloadRecipe();
        FileValues values = new(value, path, problems, "distinct", "rows", "shape", "range", "popularity", "exponent", "files", "trace");
        string popularity = values.Text("popularity", "uniform");
        if (popularity is not ("uniform" or "zipf")) values.Complain("popularity", "must be uniform or zipf");
        return new PayloadRecipe
        {
            Distinct = values.Whole("distinct", 64, 1, MostDistinct),
            Rows = values.Whole("rows", 1, 1, 1_000_000),
            Shapes = Numbers(values, "shape", least: 0).ToDictionary(pair => pair.Key, pair => pair.Value.Select(number => (long)number).ToArray()),
            Ranges = Numbers(values, "range", least: double.MinValue).Where(pair => pair.Value.Length == 2).ToDictionary(pair => pair.Key, pair => (pair.Value[0], pair.Value[1])),
            Files = [.. values.Texts("files").Select(file => FileBeside.Find(path, file))],
            Trace = values.Text("trace").Length > 0 ? traces.Find(values, values.Get("trace")!) : null,
            ZipfExponent = popularity == "zipf" ? values.Number("exponent", 1, 0.01, 10) : 0,
        };
    }

    private static Dictionary<string, double[]> Numbers(FileValues values, string name, double least)
    {
        Dictionary<string, double[]> all = [];
        if (values.Get(name) is not { } value) return all;
        if (value.Type != JsonTokenType.StartObject) values.Complain(value, "must be an object of arrays, by the inputs' names");
        foreach ((string input, LocatedJson list) in value.Members)
        {
            double number = 0;
            bool isGood = list.Type == JsonTokenType.StartArray && (name != "range" || list.Items.Count == 2)
                && list.Items.All(item => item.Type == JsonTokenType.Number && double.TryParse(item.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out number) && number >= least);
            if (isGood) all[input] = [.. list.Items.Select(item => double.Parse(item.Text, NumberStyles.Float, CultureInfo.InvariantCulture))];
            else values.Complain(list, name == "range" ? "must be [least, most]" : "must be an array of sizes");
        }

        return all;
    }
}
