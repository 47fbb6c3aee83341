using Gateway.Core.Models.Configuration;

namespace Gateway.Core.Features.Configuration;

/// <summary>Finds the views in a folder: each is a folder of its own with a <c>view.json</c>.</summary>
public static class FeatureRepository
{
    /// <summary>As many as there may be, each with its threads and its memory.</summary>
    public const int MostViews = 64;

    // A default row of a million numbers.
    private const long MostFileBytes = 32 << 20;

    /// <param name="problems">What cannot be used, by the view's name.</param>
    public static IReadOnlyList<FeatureViewConfig> Read(string directory, out IReadOnlyDictionary<string, string> problems)
    {
        List<FeatureViewConfig> views = [];
        Dictionary<string, string> wrong = new(StringComparer.Ordinal);
        foreach (string folder in Directory.EnumerateDirectories(directory).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(folder);
            string file = Path.Combine(folder, FeatureViewConfig.FileName);
            if (name.StartsWith('.')) continue;
            try
            {
                if (views.Count == MostViews) wrong[name] = $"there are more than {MostViews} views";
                else if (new FileInfo(file).Length > MostFileBytes) wrong[name] = $"{file} has more than {MostFileBytes} bytes";
                else views.Add(FeatureViewConfig.Read(File.ReadAllBytes(file), folder, file));
            }
            catch (Exception error) when (error is ModelConfigException or IOException or UnauthorizedAccessException)
            {
                wrong[name] = error.Message;
            }
        }

        problems = wrong;
        return views;
    }
}
