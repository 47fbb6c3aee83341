using System.Text;
using Gateway.Core.Execution;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Models.Configuration.Reading;
using Gateway.Protocol;

namespace Gateway.Core.Models.Repository;

/// <summary>A configuration, and perhaps files, that a load request brings along; they hold until the next load and are never written into a repository.</summary>
/// <param name="Config">The configuration, as JSON.</param>
/// <param name="Files">Contents by path within the model's folder, such as <c>1/model.onnx</c>; when there are any, the folder in the repository is not looked at.</param>
public sealed record LoadOverride(string Config, IReadOnlyDictionary<string, byte[]> Files)
{
    // A model has a file or two, its labels, and weights beside it.
    private const int MostFiles = 64;
    private const int MostSegments = 4;
    private const int MostSegmentLength = 128;

    /// <summary>Checks the paths: each must stay within the folder, whatever the file system makes of it.</summary>
    /// <exception cref="InferenceException">It names the path.</exception>
    public void Check()
    {
        if (Files.Count > MostFiles) throw Invalid($"at most {MostFiles} files can be given with a load, got {Files.Count}");
        foreach (string path in Files.Keys)
        {
            if (!IsConfined(path)) throw Invalid($"invalid file path '{Shown(path)}': a path within the model's folder, such as '1/model.onnx', is expected");
        }
    }

    /// <summary>Reads the configuration, and puts the files, if there are any, into a new folder.</summary>
    /// <param name="folder">The model's folder in a repository; null when it is in none.</param>
    /// <exception cref="ModelLoadException">The configuration cannot be used, or there is nothing that it belongs to.</exception>
    internal OverriddenFolder Prepare(string model, string? folder)
    {
        ModelConfig config;
        try
        {
            config = ModelConfigReader.ReadJson(Encoding.UTF8.GetBytes(Config), "config", model);
        }
        catch (ModelConfigException error)
        {
            throw new ModelLoadException(error.Message, error);
        }

        // Whoever may load models could have this server call any other, from where it stands.
        if (config.Remote is not null) throw new ModelLoadException("a model that another server runs cannot be given with a load; write it into the repository");
        if (FileOption(config) is { } option) throw new ModelLoadException($"'{option}' has to do with files of the server's and cannot be given with a load; write it into the repository");
        if (Files.Count > 0) return OverriddenFolder.Write(model, config, Files);
        if (folder is null) throw new ModelLoadException("it is in no repository, and no files were given");
        return new OverriddenFolder(ModelFolder.Read(folder, config), isTemporary: false);
    }

    /// <summary>A parameter that names files outside the model's folder, such as a library to load; null for none.</summary>
    private static string? FileOption(ModelConfig config) =>
        config.Optimization.GpuAccelerators.Where(each => each.Name == ExecutionAccelerator.TensorRt).SelectMany(each => each.Parameters.Keys).FirstOrDefault(TensorRtOptions.IsOfFiles);

    internal static bool IsConfined(string path)
    {
        string[] segments = path.Split('/');
        return segments.Length <= MostSegments && segments.All(IsPlain);
    }

    // A leading dot is for '.', '..' and hidden files, which are not looked at; a backslash separates on Windows; a colon names a drive or a stream there.
    private static bool IsPlain(string segment) =>
        segment.Length is > 0 and <= MostSegmentLength && segment[0] != '.' && !segment.Any(each => char.IsControl(each) || char.IsSurrogate(each) || each is '\\' or ':');

    private static string Shown(string path) => path.Length <= 128 ? path : path[..128] + "...";

    private static InferenceException Invalid(string text) => new(StatusCode.InvalidArgument, text);
}
