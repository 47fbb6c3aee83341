using System.Globalization;
using System.Text;

namespace Gateway.IntegrationTests.Features;

/// <summary>A folder with feature views of its own, and one for their rows.</summary>
internal sealed class FeatureFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-features-");

    /// <summary>The views.</summary>
    public string Views => Path.Combine(_folder.FullName, "views");

    /// <summary>Where rows are kept.</summary>
    public string Rows => Path.Combine(_folder.FullName, "rows");

    public string[] Arguments => ["--feature-repository", Views, "--feature-directory", Rows];

    public void Add(string view, string json, params (string Name, string Text)[] files)
    {
        string folder = Directory.CreateDirectory(Path.Combine(Views, view)).FullName;
        File.WriteAllText(Path.Combine(folder, "view.json"), json);
        foreach ((string name, string text) in files) File.WriteAllText(Path.Combine(folder, name), text);
    }

    /// <summary>Adds the views of the sample model <c>wine</c>, with the rows of questions, by their number.</summary>
    public void AddWine(int wines)
    {
        StringBuilder measured = new();
        StringBuilder whole = new();
        for (int i = 0; i < wines; i++)
        {
            Caching.Question wine = Caching.Question.Samples(i)[1];
            measured.AppendLine(CultureInfo.InvariantCulture, $"wine {i},{string.Join(',', wine.Inputs[0].Values.Select(value => ((float)value).ToString("R", CultureInfo.InvariantCulture)))}");
            whole.AppendLine(CultureInfo.InvariantCulture, $"{{\"key\":{i},\"row\":[{string.Join(',', wine.Inputs[1].Values)}]}}");
        }

        Add("measured", """{"datatype":"FP32","shape":[11],"memory_bytes":1048576,"sources":["wines.csv"]}""", ("wines.csv", measured.ToString()));
        Add("whole", """{"key":"INT64","datatype":"INT64","shape":[2],"memory_bytes":1048576,"sources":["wines.jsonl"]}""", ("wines.jsonl", whole.ToString()));
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
