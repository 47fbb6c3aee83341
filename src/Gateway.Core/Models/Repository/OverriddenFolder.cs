using Gateway.Core.Execution;
using Gateway.Core.Models.Configuration;

namespace Gateway.Core.Models.Repository;

/// <summary>The folder that a load with an override reads; a temporary one is removed when the load is over, for by then everything has been read.</summary>
internal sealed class OverriddenFolder(ModelFolder folder, bool isTemporary) : IDisposable
{
    public ModelFolder Folder { get; } = folder;

    /// <summary>Writes the files into a new temporary folder that only this user can look into.</summary>
    /// <param name="files">Their paths have been checked.</param>
    /// <exception cref="ModelLoadException">They cannot be written.</exception>
    public static OverriddenFolder Write(string model, ModelConfig config, IReadOnlyDictionary<string, byte[]> files)
    {
        string? folder = null;
        try
        {
            folder = Directory.CreateTempSubdirectory("gateway-load-").FullName;
            foreach ((string relative, byte[] content) in files)
            {
                string path = Path.GetFullPath(Path.Combine(folder, relative));
                if (!path.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal)) throw new ModelLoadException($"'{relative}' leads out of the model's folder");
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                File.WriteAllBytes(path, content);
            }

            return new OverriddenFolder(new ModelFolder(model, folder, config, new GatewayModelConfig()), isTemporary: true);
        }
        catch (Exception error)
        {
            Remove(folder);
            if (error is IOException or UnauthorizedAccessException) throw new ModelLoadException($"the given files cannot be stored: {(folder is null ? error.Message : Conceal(error.Message, folder))}", error);
            throw;
        }
    }

    /// <summary>Takes the temporary folder's name out of an error text: where it lies is nobody's business, and it is gone when the text is read.</summary>
    public string Conceal(string text) => isTemporary ? Conceal(text, Folder.Directory) : text;

    public void Dispose()
    {
        if (isTemporary) Remove(Folder.Directory);
    }

    private static string Conceal(string text, string folder) =>
        text.Replace(folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal).Replace(folder, "the given files", StringComparison.Ordinal);

    private static void Remove(string? folder)
    {
        try
        {
            if (folder is not null) Directory.Delete(folder, recursive: true);
        }
        catch (IOException)
        {
            // The temporary folder's own cleaning will see to it.
        }
    }
}
